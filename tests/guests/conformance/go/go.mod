module conformance

go 1.25

require pawl.dev/pawl v0.0.0

replace pawl.dev/pawl => ../../../../guest-sdk/go
