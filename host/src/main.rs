//! The `pawl` binary.

/// See `Cargo.toml` for why, `docs/performance.md` for how much.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    pawl::cli::main()
}
