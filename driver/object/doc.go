// Package object makes a bucket of an object store (Amazon S3 and what speaks
// its protocol, Google Cloud Storage, Azure Blob Storage, and whatever else
// gocloud.dev/blob knows) into a storage for package driver.
//
//	bucket, err := blob.OpenBucket(ctx, "gs://my-bucket")
//	if err != nil {
//		log.Fatal(err)
//	}
//	defer bucket.Close()
//	files := object.New(bucket, object.Options{Prefix: "ftp/"})
//	users, err := driver.NewUsers([]driver.User{{
//		Name:         "alice",
//		PasswordHash: hash,
//		Storage:      driver.Storage{Kind: driver.StorageObject, Bucket: files, Prefix: "%u"},
//		Permissions:  driver.AllPermissions,
//	}}, driver.UsersOptions{})
//
// This package links no client of any store: the program chooses by importing
// gocloud.dev/blob/s3blob, gcsblob or azureblob, or package cloud below, which
// has all three and is the better choice for S3 (see Options.BeforeWrite).
//
// # Model
//
// The file /a/b.txt is the object "a/b.txt" behind the prefix. A directory is
// there as soon as an object is in it; one that was made, or whose last file
// was removed by this package, is an empty object whose key ends in a slash.
// Where a key is both, Stat tells of the file.
//
// An upload is streamed to the store in parts and appears when it is complete,
// as the store sees to itself; an interrupted one leaves no object, and what
// was there before stays. Memory is bounded by the size of the parts, see
// Options. A download is read from where it begins (REST) to where the client
// stops. Listings are read page by page.
//
// # What it does not do
//
// Object stores write objects whole. So APPE to an object that exists, and REST
// before STOR, fail with an error that wraps errors.ErrUnsupported, and so do
// changing modes, owners and times. Renaming copies, within the store, and
// deletes: a large object takes its time, S3 copies none above 5 GiB, and when
// a directory is renamed and that fails half way, both have some of its files.
// Nothing is atomic but the upload of one object.
//
// An upload that is cut off is aborted at the store. A process that is killed
// cannot do so: parts that have arrived then stay at S3, unseen and paid for. A
// life-cycle rule of the bucket that aborts incomplete multipart uploads
// removes them.
package object
