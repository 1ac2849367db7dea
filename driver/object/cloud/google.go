package cloud

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"

	"gocloud.dev/blob"
	"gocloud.dev/blob/gcsblob"
	"gocloud.dev/gcp"
	"golang.org/x/oauth2/google"
)

// scopeGoogle is what the keys are used for.
const scopeGoogle = "https://www.googleapis.com/auth/devstorage.read_write"

func (o *Options) openGoogle(ctx context.Context, address *url.URL) (*blob.Bucket, error) {
	if o.AccessKey != "" {
		return nil, errors.New("a bucket of Google Cloud Storage takes no access key: give a credentials file with the JSON of a service account")
	}
	opener := &gcsblob.URLOpener{}
	if address.Query().Get("anonymous") != "true" {
		keys, err := o.keysGoogle(ctx)
		if err != nil {
			return nil, err
		}
		opener.TokenSource = gcp.CredentialsTokenSource(keys)
		if opener.Client, err = gcp.NewHTTPClient(gcp.DefaultTransport(), opener.TokenSource); err != nil {
			return nil, err
		}
	}
	return opener.OpenBucketURL(ctx, address)
}

func (o *Options) keysGoogle(ctx context.Context) (*google.Credentials, error) {
	if o.CredentialsFile == "" {
		keys, err := gcp.DefaultCredentials(ctx)
		if err != nil {
			return nil, fmt.Errorf("there are no keys: give a credentials file, set GOOGLE_APPLICATION_CREDENTIALS, or add ?anonymous=true to the address: %w", err)
		}
		return keys, nil
	}
	text, err := os.ReadFile(o.CredentialsFile)
	if err != nil {
		return nil, err
	}
	keys, err := google.CredentialsFromJSONWithType(ctx, text, google.ServiceAccount, scopeGoogle)
	if err != nil { // which may quote the file
		return nil, fmt.Errorf("%s is not the JSON of a service account: make a key of one, and download it as JSON", o.CredentialsFile)
	}
	return keys, nil
}
