//go:build wasip1

// Package export_pawl_workflow_functions is where the generated exports find the plugin:
// they call its functions of these names.
//
// A program sets both in an `init`, or leaves it to package pawl, and imports
// pawl.dev/pawl/bindings/exports/wit_exports for its exports.
package export_pawl_workflow_functions

import (
	functions "pawl.dev/pawl/bindings/imports/pawl_workflow_functions"
	workflow "pawl.dev/pawl/bindings/imports/pawl_workflow_types"
	"pawl.dev/pawl/bindings/types"
)

// Describe tells the host what the plugin offers.
var Describe func() []functions.Config

// Handle is one pass of a run: what the function gives, as JSON, or what it fails with.
var Handle func(functions.Context) types.Result[string, workflow.Failure]
