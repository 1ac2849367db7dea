package main

import (
	"errors"
	"os"
)

// handedFiles are the files that one process hands over to another.
type handedFiles []*os.File

// The names of what a server hands over.
const (
	channelName = "portico-handover" // the channel between the two
	pidFileName = "portico-pid-file"
	// listenerName is the name of all listeners, which their addresses tell apart.
	listenerName = "portico-listener"
)

// cut takes the first file of a name out. Nil: there is none.
func (f *handedFiles) cut(name string) *os.File {
	for i, file := range *f {
		if file.Name() == name {
			*f = append((*f)[:i:i], (*f)[i+1:]...)
			return file
		}
	}
	return nil
}

func (f handedFiles) names() []string {
	names := make([]string, len(f))
	for i, file := range f {
		names[i] = file.Name()
	}
	return names
}

func (f handedFiles) close() error {
	var faults []error
	for _, file := range f {
		faults = append(faults, file.Close())
	}
	return errors.Join(faults...)
}
