// Package bridge is what package pawl shows to package pawltest and to nobody else; pawl
// fills it in.
package bridge

import "pawl.dev/pawl/internal/host"

var (
	// Pass makes one pass of a *pawl.Registered in whatever host there is: the output as
	// JSON, or what it failed with.
	Pass func(function any, ctx host.Context) (string, *host.Failure)
	// ToFailure is an error as the host takes it.
	ToFailure func(error) host.Failure
	// FromFailure is a failure of the host as a *pawl.Error.
	FromFailure func(host.Failure) error
)
