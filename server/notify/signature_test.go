package notify_test

import (
	"testing"

	"github.com/portico-ftp/portico/server/notify"
)

func TestVerify(t *testing.T) {
	t.Parallel()
	// printf '1700000000.{}' | openssl dgst -sha256 -hmac key
	const good = "sha256=9d713ed406bb7076d4123f0dc2c39d2df5c654ed4b0cd56b52c8b4c940bd63ae"
	tests := []struct {
		name                         string
		secret, timestamp, body, sum string
		want                         bool
	}{
		{"as signed", "key", "1700000000", "{}", good, true},
		{"other secret", "kez", "1700000000", "{}", good, false},
		{"other timestamp", "key", "1700000001", "{}", good, false},
		{"other body", "key", "1700000000", "{ }", good, false},
		{"timestamp runs into the body", "key", "1700000000.", "{}", good, false},
		{"no prefix", "key", "1700000000", "{}", good[7:], false},
		{"cut", "key", "1700000000", "{}", good[:len(good)-1], false},
		{"empty", "key", "1700000000", "{}", "", false},
		{"empty secret", "", "1700000000", "{}", "sha256=a9dc44c8eda3de70e9cbf3e488895f1abc26acb1461d3124a3cb886af35251cf", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := notify.Verify(test.secret, test.timestamp, []byte(test.body), test.sum); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}
