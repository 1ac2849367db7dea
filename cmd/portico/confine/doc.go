// Package confine takes from a process what it does not need, so that whoever
// breaks into it gains as little as possible.
//
//	state, err := confine.Apply(confine.Auto, confine.Needs{
//		Write: []string{"/srv/ftp"},
//		Bind:  portalloc.PortList{{First: 2121, Last: 2121}},
//	})
//
// It is for good, for every thread, and for every program that the process
// starts. Three things of Linux do it, none of which needs root:
//
//   - no_new_privs: no program gains rights by being started, setuid or not.
//   - Landlock: files and directories that Needs does not name can neither be
//     read nor written, and TCP ports that it does not name neither be bound
//     nor connected to. It looks at files when they are opened, and at ports
//     when they are bound: what is open stays open.
//   - A filter of system calls: it refuses the kinds of sockets that Landlock
//     does not see (Multipath TCP, TCP Fast Open and whatever is not TCP, UDP or
//     a Unix socket), and what a server has no use for but attacks on kernels
//     have: io_uring, BPF, user namespaces, ptrace, mount, keyrings and more.
//
// What is not confined: names, sizes and times of files (stat) and changes of
// their mode and times, UDP, signals to processes of the same user, and Unix
// sockets with a path. Other systems than Linux have nothing of the kind here.
package confine
