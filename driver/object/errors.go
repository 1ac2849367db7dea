package object

import (
	"errors"
	"fmt"
	"os"

	"gocloud.dev/gcerrors"
)

// fromStore turns a store's error into one that layers and clients know. What
// the store says is kept for the log.
func fromStore(err error) error {
	if err == nil {
		return nil
	}
	switch gcerrors.Code(err) {
	case gcerrors.NotFound:
		return fmt.Errorf("%w: %w", os.ErrNotExist, err)
	case gcerrors.PermissionDenied:
		return fmt.Errorf("%w: %w", os.ErrPermission, err)
	case gcerrors.AlreadyExists:
		return fmt.Errorf("%w: %w", os.ErrExist, err)
	case gcerrors.Unimplemented:
		return fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
	default:
		return err
	}
}

// inPath names the path that an error is about.
func inPath(op, name string, err error) error {
	if err == nil {
		return nil
	}
	var known *os.PathError
	if errors.As(err, &known) {
		err = known.Err
	}
	return &os.PathError{Op: op, Path: clean(name), Err: err}
}

func unsupported(op, name string) error {
	return inPath(op, name, fmt.Errorf("an object store cannot do that: %w", errors.ErrUnsupported))
}
