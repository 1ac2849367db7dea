package config

// Bucket is a bucket of an object store in which homes and mounts can be.
type Bucket struct {
	// Name is what the key bucket of a home or a mount says.
	Name string `mapstructure:"name"`
	// URL is where it is: "s3://my-bucket?region=eu-central-1",
	// "gs://my-bucket", "azblob://my-container". It holds no password.
	URL string `mapstructure:"url"`
	// AccessKey is the ID of an S3 access key, or the name of an Azure storage
	// account. Empty: it comes from where the store's own tools take it.
	AccessKey string `mapstructure:"access_key"`
	// SecretKey belongs to AccessKey.
	SecretKey Secret `mapstructure:"secret_key"`
	// CredentialsFile holds the keys instead: for S3 in the form of
	// ~/.aws/credentials, for Google Cloud Storage the JSON of a service account.
	CredentialsFile Path `mapstructure:"credentials_file"`
	// PartSize is the size of the parts in which an upload is sent; three of
	// them are in memory. S3 takes 5 MiB at least and 10,000 parts of a file.
	// Zero: 8 MiB.
	PartSize Size `mapstructure:"part_size"`
}
