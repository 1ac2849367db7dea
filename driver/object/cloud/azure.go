package cloud

import (
	"context"
	"errors"
	"net/url"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"gocloud.dev/blob"
	"gocloud.dev/blob/azureblob"
)

func (o *Options) openAzure(ctx context.Context, address *url.URL) (*blob.Bucket, error) {
	switch {
	case o.CredentialsFile != "":
		return nil, errors.New("a container of Azure Blob Storage takes no credentials file: give the name of the storage account as access key, and its key as secret key")
	case o.AccessKey == "":
		return blob.OpenBucket(ctx, address.String())
	}
	opener := &azureblob.URLOpener{
		ServiceURLOptions: azureblob.ServiceURLOptions{AccountName: o.AccessKey},
		MakeClient: func(service azureblob.ServiceURL, name azureblob.ContainerName) (*container.Client, error) {
			key, err := container.NewSharedKeyCredential(o.AccessKey, o.SecretKey)
			if err != nil { // which may quote the key
				return nil, errors.New("the secret key is not that of a storage account: copy it from there, in base64")
			}
			return container.NewClientWithSharedKeyCredential(string(service)+"/"+string(name), key, nil)
		},
	}
	return opener.OpenBucketURL(ctx, address)
}
