package driver

import (
	"os"

	"github.com/spf13/afero"
)

// What the files of layers may have beyond afero.File.

// osFiler is what the server's data connection and the layers' files have in
// common.
type osFiler interface {
	// OSFile returns the operating system's file behind this one, nil if there
	// is none. It is closed with this one.
	OSFile() *os.File
}

// OSFile returns the operating system's file behind a layer's, nil if there
// is none.
func OSFile(file afero.File) *os.File {
	switch file := file.(type) {
	case *os.File:
		return file
	case osFiler:
		return file.OSFile()
	default:
		return nil
	}
}

// Wrapper is what a file may have that cannot let others write to the operating
// system's file, because it has to see each write, but that can be locked.
type Wrapper interface {
	// Underlying returns the file of the layer below.
	Underlying() afero.File
}

// lowest returns the operating system's file under all layers, nil if there is
// none.
func lowest(file afero.File) *os.File {
	for {
		wrapper, ok := file.(Wrapper)
		if !ok {
			return OSFile(file)
		}
		file = wrapper.Underlying()
	}
}

// transferFailer is what the file of an upload may have to learn that the
// upload has failed. It is called before Close.
type transferFailer interface{ TransferError(err error) }

// discarder is what the file of an upload may have to be given up.
type discarder interface {
	// Discard has the next Close drop the upload and keep nothing.
	Discard()
}

// Replacer is what a file may have to learn that it will take the place of
// another one, whose bytes are then free.
type Replacer interface {
	// Replaces is called once, before the first write.
	Replaces(size int64)
}
