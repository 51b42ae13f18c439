//! `cargo xtask bench`: every figure of `docs/performance.md`.
//!
//! A section measures something of the host and, in the same run and in turns with
//! it, what it is held against; so that a busy machine weighs on both. Names of
//! sections as arguments run those alone and write nothing.

mod apps;
mod bare;
mod clock;
mod crashes;
mod figures;
mod growth;
mod history;
mod instances;
mod languages;
mod load;
mod sleepers;
mod steps;
mod webhooks;

use anyhow::Context;
use figures::Figure;
use pawl_tests::paths;

const SECTIONS: [&str; 9] =
    ["webhooks", "steps", "apps", "instances", "languages", "sleepers", "growth", "history", "crashes"];

/// Where the table goes.
const BEGIN: &str = "<!-- measured by `cargo xtask bench` -->\n";
const END: &str = "<!-- end -->";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if let Some(odd) = wanted.iter().find(|w| !SECTIONS.contains(&w.as_str())) {
        anyhow::bail!("no section `{odd}`: there are {}", SECTIONS.join(", "));
    }
    let mut measured = Vec::new();
    for section in SECTIONS {
        if wanted.is_empty() || wanted.iter().any(|w| w == section) {
            println!("{section}");
            measured.extend(measure(section).await.with_context(|| format!("section {section}"))?);
        }
    }
    if wanted.is_empty() {
        write(&figures::table(&measured))?;
    }
    Ok(())
}

async fn measure(section: &str) -> anyhow::Result<Vec<Figure>> {
    match section {
        "webhooks" => webhooks::measure().await,
        "steps" => steps::measure().await,
        "apps" => apps::measure().await,
        "instances" => instances::measure().await,
        "languages" => languages::measure().await,
        "sleepers" => sleepers::measure().await,
        "growth" => growth::measure().await,
        "history" => history::measure().await,
        _ => crashes::measure().await,
    }
}

fn write(table: &str) -> anyhow::Result<()> {
    let path = paths::repository().join("docs/performance.md");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let (before, rest) = text.split_once(BEGIN).context("docs/performance.md has no marker")?;
    let (_, after) = rest.split_once(END).context("docs/performance.md has no end marker")?;
    std::fs::write(&path, format!("{before}{BEGIN}\n{table}\n{END}{after}"))?;
    println!("written to {}", path.display());
    Ok(())
}
