package driver

import "slices"

// with returns the user with what he does not settle himself taken from a
// group, or from the defaults, which take the form of a user too:
//
//   - the directory of the home;
//   - how the home is stored and how uploads are made there, as one;
//   - permissions, each limit, each part of the quota, and each part of Access;
//   - the mounts at paths where he has none;
//   - the refused commands beside his own, and the rights of an operator.
func (u User) with(group User) User {
	u = u.withHome(group)
	if u.Permissions == 0 {
		u.Permissions = group.Permissions
	}
	u.Quota.Bytes = orElse(u.Quota.Bytes, group.Quota.Bytes)
	u.Quota.Files = orElse(u.Quota.Files, group.Quota.Files)
	u.Limits = u.Limits.or(group.Limits)
	u.Access = u.Access.or(group.Access)
	u.Mounts = slices.Clone(u.Mounts)
	for _, mount := range group.Mounts {
		if !slices.ContainsFunc(u.Mounts, func(m UserMount) bool { return m.Path == mount.Path }) {
			u.Mounts = append(u.Mounts, mount)
		}
	}
	u.RefusedCommands = slices.Concat(u.RefusedCommands, group.RefusedCommands)
	u.Operator = u.Operator || group.Operator
	return u
}

// withHome takes the directory and what is said about it one by one, so that a
// directory of the user's own is stored as the group has settled it.
func (u User) withHome(group User) User {
	if u.Storage.FS != nil || u.Home != "" && u.Storage.Dir != "" {
		return u // whole, or a fault that has still to be reported
	}
	dir, settings := orElse(u.Home, u.Storage.Dir), u.Storage
	settings.Dir = ""
	if settings.isZero() && (dir == "" || group.Storage.hasDir()) {
		settings = group.Storage
		settings.Dir = ""
		if u.Uploads.isZero() {
			u.Uploads = group.Uploads
		}
	}
	if dir == "" && settings.hasDir() {
		dir = orElse(group.Home, group.Storage.Dir)
	}
	u.Home, u.Storage = dir, settings
	return u
}

// within takes from the user what is not allowed. Mounts where nothing is left
// go.
func (u User) within(allow Permissions) User {
	u.Permissions &= allow
	mounts := u.Mounts
	u.Mounts = nil
	for _, mount := range mounts {
		limited := mount
		if limited.Permissions &= allow; limited.Permissions != 0 || mount.Permissions == 0 {
			u.Mounts = append(u.Mounts, limited)
		}
	}
	return u
}

func (l Limits) or(other Limits) Limits {
	return Limits{
		Sessions:     orElse(l.Sessions, other.Sessions),
		Transfers:    orElse(l.Transfers, other.Transfers),
		UploadRate:   orElse(l.UploadRate, other.UploadRate),
		DownloadRate: orElse(l.DownloadRate, other.DownloadRate),
	}
}

// or is strict: what a group asks for, a member cannot do without.
func (a Access) or(other Access) Access {
	a.Disabled = a.Disabled || other.Disabled
	a.RequireTLS = a.RequireTLS || other.RequireTLS
	if a.Expires.IsZero() {
		a.Expires = other.Expires
	}
	if len(a.Networks) == 0 {
		a.Networks = other.Networks
	}
	if len(a.Hours) == 0 {
		a.Hours = other.Hours
	}
	return a
}

func orElse[T comparable](value, other T) T {
	var zero T
	if value == zero {
		return other
	}
	return value
}
