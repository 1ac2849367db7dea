package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"
)

// What S3 takes as the size of a part.
const smallestPart, largestPart = 5 << 20, 5 << 30

func (v *validation) checkBuckets() {
	first := map[string]int{}
	for i, b := range v.Buckets {
		key := fmt.Sprintf("buckets[%d]", i)
		j, seen := first[b.Name]
		switch {
		case b.Name == "":
			v.add(key+".name", "is missing: write a name for the key bucket of homes and mounts")
		case seen:
			v.add(key+".name", "%q is also the name of buckets[%d]: give each bucket a name of its own", b.Name, j)
		default:
			first[b.Name] = i
		}
		v.checkBucketURL(key+".url", b.URL)
		v.checkBucketKeys(key, b)
		if b.PartSize != 0 && (b.PartSize < smallestPart || b.PartSize > largestPart) {
			v.add(key+".part_size", "%v is not from 5MiB to 5GiB: correct it, or leave it out for 8MiB", b.PartSize)
		}
	}
}

// checkBucketURL finds what is wrong with any address. Its faults do not show
// it where it may hold a password.
func (v *validation) checkBucketURL(key, address string) {
	const remedy = "write one such as s3://my-bucket?region=eu-central-1, gs://my-bucket or azblob://my-container"
	parsed, err := url.Parse(address)
	switch {
	case address == "":
		v.add(key, "is missing: %s", remedy)
	case err != nil || parsed.Scheme == "" || parsed.Host == "":
		v.add(key, "is not the address of a bucket: %s", remedy)
	case parsed.User != nil:
		v.add(key, "holds a user or a password, which would be shown: use access_key and secret_key")
	}
}

func (v *validation) checkBucketKeys(key string, b Bucket) {
	switch {
	case b.CredentialsFile != "" && (b.AccessKey != "" || b.SecretKey != ""):
		v.add(key+".credentials_file", "contradicts access_key and secret_key: keep the file, or the two keys")
	case b.AccessKey != "" && b.SecretKey == "":
		v.addFrom(key+".access_key", key+".secret_key", "is missing: write what belongs to access_key")
	case b.AccessKey == "" && b.SecretKey != "":
		v.addFrom(key+".secret_key", key+".access_key", "is missing: write what secret_key belongs to")
	}
}

// checkObjectPlace checks a home or a mount in a bucket. What object stores do
// not have must not look as if it were in force.
func (v *validation) checkObjectPlace(key, dirKey string, dir Path, create bool, p Place) {
	v.checkBucketName(key+".bucket", p.Bucket)
	v.checkPrefix(key+".prefix", p.Prefix)
	usual := DefaultPlace()
	for _, other := range []struct {
		key    string
		isSet  bool
		reason string
	}{
		{dirKey, dir != "", "the files are in the bucket, behind prefix"},
		{map[string]string{"home": "create_home", "dir": "create"}[dirKey], create, "a prefix needs not be made"},
		{"uploads", p.Uploads == "direct", "an object appears when its upload is complete"},
		{"durable", p.Durable, "what the store has taken, it keeps"},
		{"keep_partials", p.KeepPartials != 0 && p.KeepPartials != usual.KeepPartials, "an interrupted upload leaves nothing to keep"},
		{"symlinks", p.Symlinks != "" && p.Symlinks != usual.Symlinks, "an object store has no symbolic links"},
		{"umask", p.Umask != "", "objects have no modes"},
	} {
		if other.isSet {
			v.add(key+"."+other.key, "does not go with storage object: %s, so leave it out", other.reason)
		}
	}
}

func (v *validation) checkBucketName(key, name string) {
	switch {
	case name == "":
		v.add(key, "is missing: write the name of one of buckets, where its url and keys are")
	case strings.Contains(name, "://"):
		v.add(key, "is an address: give it as url of one of buckets, and write its name here")
	case !slices.ContainsFunc(v.Buckets, func(b Bucket) bool { return b.Name == name }):
		v.add(key, "none of buckets has the name %q: add it there, or correct the name", name)
	}
}

func (v *validation) checkPrefix(key, prefix string) {
	if prefix == "" {
		return
	}
	isOdd := func(part string) bool { return part == "" || part == "." || part == ".." }
	parts := strings.Split(strings.TrimSuffix(prefix, "/"), "/")
	if slices.ContainsFunc(parts, isOdd) || strings.ContainsFunc(prefix, unicode.IsControl) {
		v.add(key, "%q is not a prefix such as ftp/%%u/: write it without .., double or opening slashes", prefix)
	}
}
