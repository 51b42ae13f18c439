module pawl.dev/pawl

go 1.25
