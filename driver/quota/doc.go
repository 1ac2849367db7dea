// Package quota limits how many bytes and files a user keeps, and counts them
// across restarts.
//
//	store, err := quota.Open("/var/lib/portico/quota.db", quota.Options{})
//	if err != nil {
//		log.Fatal(err)
//	}
//	defer store.Close()
//	users, err := driver.NewUsers(list, driver.UsersOptions{
//		Layer: func(at driver.Place, storage afero.Fs) (afero.Fs, error) {
//			return store.Layer(context.Background(), at.User, quota.Limits{Bytes: 1 << 30}, storage)
//		},
//	})
//
// # Model
//
// An account is a name under which bytes and files are counted, usually a
// user's. [Store.Layer] puts a layer over the account's storage, below the one
// that publishes uploads. The layer counts what the storage holds: files that
// are hidden because their upload runs or was interrupted take space and count
// too; directories count as files. Each write is counted before it is done, so
// that sessions that write at the same time cannot pass the limit together. An
// upload that will replace a file may pass it by that file's size, which is
// free when the upload is complete.
//
// One account must belong to one storage: what others write there, past the
// layer or through a layer of another account, is not seen until the next
// [Store.Recount].
//
// # Crashes
//
// Counts are kept in memory and written by [Store.Flush] and [Store.Close].
// Before the first change after that, the account is marked in the file, and
// that mark is on the disk before the change is made. An account that is marked
// when it is first used was changed when the process died, and is counted anew
// by walking through its storage; all others are known. The file belongs to one
// process at a time.
//
// # Several servers
//
// With [OpenShared] several servers that have the same storage count together, by a
// [Counter], and there is no file. A server takes room ahead of what it writes,
// up to 4 MiB for each account that writes and an eighth of what is left, so that
// few writes have to ask, and gives back what is left at the end. No server passes a limit by what another has taken.
//
// # What it does not do
//
// It does not see holes: a file counts as long as it is. Files with several
// hard links count several times. It has to see each write, so the server
// cannot have the kernel move an upload's bytes (downloads are not slower).
package quota
