//! The `pawl` binary.

fn main() -> std::process::ExitCode {
    pawl::cli::main()
}
