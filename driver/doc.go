// Package driver says who an FTP client is and which files it sees.
//
// A program that checks a login and lists what it opens:
//
//	package main
//
//	import (
//		"context"
//		"fmt"
//		"log"
//
//		"github.com/portico-ftp/portico/driver"
//	)
//
//	func main() {
//		hash, err := driver.HashPassword("correct horse")
//		if err != nil {
//			log.Fatal(err)
//		}
//		users, err := driver.NewUsers([]driver.User{{
//			Name:         "alice",
//			PasswordHash: hash,
//			Home:         ".",
//			Permissions:  driver.ReadOnly,
//		}}, driver.UsersOptions{})
//		if err != nil {
//			log.Fatal(err)
//		}
//		account, err := users.Authenticate(context.Background(), driver.Attempt{
//			User:     "alice",
//			Password: "correct horse",
//		})
//		if err != nil {
//			log.Fatal(err)
//		}
//		files, err := driver.NewFS(account.FS).ReadDir("/")
//		if err != nil {
//			log.Fatal(err)
//		}
//		for _, file := range files {
//			fmt.Println(file.Mode(), file.Size(), file.Name())
//		}
//	}
//
// # Model
//
// An [Attempt] to log in opens an [Account]: a name and an afero.Fs, whose "/"
// is where the user starts. [Users] authenticates against a fixed list; any
// other type with its Authenticate method serves the server as well.
//
// What an account sees is a stack of afero.Fs layers, each one subject:
//
//	FS          what the FTP engine asks for: transfers and listings
//	Mounts      one tree of several storages; not where there is only a home
//	Restricted  what the Permissions allow, for each mount
//	Uploads     files that appear when they are complete, and not before
//	Local       a directory of this machine, which no path leads out of
//
// Users builds all but the first, and puts in place of Local what a [Storage]
// says: memory, an overlay over a directory that stays as it is, or an afero.Fs
// of the embedder's, such as package object's for S3 and its like.
// UsersOptions.Layer adds a layer above that, such as package quota's. The
// server puts [FS] on top of whatever an authenticator returns, so an embedder's
// account can hold any afero.Fs, such as afero.NewMemMapFs.
//
// A layer may have methods beyond afero.Fs that the layers above ask for by
// type assertion: afero.Lstater, afero.LinkReader, [AvailableSpacer], [Quoter],
// [Uploader], [UploadSizer], [WriteChecker], RemoveDir(string) error,
// RenameNoReplace(oldname, newname string) error, and on its files
// OSFile() *os.File, TransferError(error), [Replacer] and [Wrapper]. Functions
// of nearly the same names ask ([OpenUpload], [RemoveDir] and so on). A layer of
// your own that holds files of the layer below should pass them on where they
// remain true; without them everything works, with more steps or a plainer
// answer. An Uploader and TransferError are the exception: a layer above
// [Uploads] that hides them has interrupted uploads taken for complete ones.
//
// # What it does not do
//
// It knows no sockets and no FTP replies, and counts and delays no failed
// logins: the server does, which knows where they come from. It does not
// switch to a system user: every session acts with the rights of the process.
// afero.BasePathFs is no substitute for Local, for symbolic links lead out of
// it.
//
// FTP in stream mode ends an upload by closing the data connection. Without
// TLS, a client that dies in an orderly way cannot be told from one that has
// finished: what it has sent is published.
package driver
