//go:build !linux

package driver

// RenameNoReplace renames unless the new name is taken. Somebody who creates
// the file at the same moment may lose it.
func (l *Local) RenameNoReplace(oldname, newname string) error {
	return renameIfFree(l, oldname, newname)
}
