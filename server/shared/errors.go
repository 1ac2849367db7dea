package shared

import (
	"context"
	"strings"

	"github.com/redis/go-redis/v9"
)

// isOfOneKey says whether something that is none of ours stands under a key of
// ours. Redis itself is well then.
func isOfOneKey(err error) bool {
	_, answered := err.(redis.Error) //nolint:errorlint // answers are not wrapped
	return answered && strings.Contains(err.Error(), "WRONGTYPE")
}

func credentials(user string, password func() (string, error)) func(context.Context) (string, string, error) {
	return func(context.Context) (string, string, error) {
		secret, err := password()
		return user, secret, err
	}
}
