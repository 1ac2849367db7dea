//go:build darwin || freebsd

package driver

import "io"

// batchSize is how many entries of a directory are looked at in one go. A
// directory that has no more is read without further goroutines.
const batchSize = 256

// eachBatch reads the names of a directory.
func (f *localFile) eachBatch(hand func([]shown)) error {
	for {
		names, err := f.File.Readdirnames(batchSize)
		batch := make([]shown, len(names))
		for i, name := range names {
			batch[i].name = name
		}
		switch {
		case len(batch) > 0:
			hand(batch)
		case err == io.EOF:
			return nil
		}
		if err != nil && err != io.EOF {
			return err
		}
	}
}
