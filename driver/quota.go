package driver

import (
	"errors"
	"fmt"

	"github.com/spf13/afero"
)

// Quota is how much of a storage is used, and how much may be.
type Quota struct {
	// Bytes and Files are what is there. Directories count as files, and so do
	// interrupted uploads that are kept.
	Bytes, Files int64
	// MaxBytes and MaxFiles are what may be there. Zero: any number.
	MaxBytes, MaxFiles int64
}

// Quoter is what a layer may have to answer SITE QUOTA. Layers that change
// nothing about quotas should pass it on.
type Quoter interface {
	// Quota returns the quota that holds at the path name. An error that wraps
	// errors.ErrUnsupported means that there is none.
	Quota(name string) (Quota, error)
}

// QuotaOf asks a layer for the quota that holds at a path.
func QuotaOf(fs afero.Fs, name string) (Quota, error) {
	if quoter, ok := fs.(Quoter); ok {
		return quoter.Quota(name)
	}
	return Quota{}, fmt.Errorf("quota of %s: %w", fs.Name(), errors.ErrUnsupported)
}

var (
	_ Quoter = (*FS)(nil)
	_ Quoter = (*Mounts)(nil)
	_ Quoter = (*Restricted)(nil)
	_ Quoter = (*Uploads)(nil)
)

// Quota returns the quota that holds at a path (SITE QUOTA). The error wraps
// errors.ErrUnsupported where there is none.
func (f *FS) Quota(name string) (Quota, error) { return QuotaOf(f.Fs, name) }

// Quota implements Quoter with that of the mount.
func (m *Mounts) Quota(name string) (Quota, error) {
	mount, inside := m.find(name)
	return mount.fs.Quota(inside)
}

// Quota implements Quoter by asking the layer below.
func (r *Restricted) Quota(name string) (Quota, error) { return QuotaOf(r.fs, name) }

// Quota implements Quoter by asking the layer below.
func (u *Uploads) Quota(name string) (Quota, error) { return QuotaOf(u.fs, name) }
