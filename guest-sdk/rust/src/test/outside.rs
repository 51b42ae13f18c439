//! What the function reaches beyond its steps: settings, keys, requests, clock, log.

use super::http::Answerer;
use super::report::Line;
use super::wishes;
use super::world::World;
use crate::Level;
use crate::host::{http, log, store};
use std::collections::BTreeMap;
use std::rc::Rc;

impl World {
    fn is_inside(&self) -> bool {
        self.pass.executing.is_some()
    }

    /// A setting, when the function may read it.
    pub(crate) fn setting(&self, name: &str) -> Result<Option<String>, String> {
        if !self.is_inside() {
            return Err("settings are for steps: wrap it in step.run".to_owned());
        }
        if self.definition.is_some_and(|d| !d.settings.contains(&name)) {
            return Err(format!("setting {name} is not granted: name it in the function's `settings`"));
        }
        Ok(self.test.settings.get(name).cloned())
    }

    /// The key-value bucket.
    pub(crate) fn bucket(&mut self) -> Result<&mut BTreeMap<String, Vec<u8>>, store::Error> {
        if self.is_inside() { Ok(&mut self.keys) } else { Err(store::Error::AccessDenied) }
    }

    /// What answers the request, when it may be sent.
    pub(super) fn may_send(&self, request: &http::Request) -> Result<Rc<Answerer>, http::Error> {
        let Some(step) = &self.pass.executing else {
            return Err(http::Error::Denied("outgoing HTTP is for steps: wrap it in step.run".to_owned()));
        };
        if let Some(definition) = self.definition {
            wishes::check(definition, request, &self.test.settings).map_err(http::Error::Denied)?;
        }
        Ok(self.answerer(&step.to_string()))
    }

    pub(super) fn answerer(&self, step: &str) -> Rc<Answerer> {
        self.test.http.clone().unwrap_or_else(|| {
            panic!("step `{step}` sends a request: say what answers it by `.http(…)`, or what the step gives")
        })
    }

    /// Inside of a step the time; outside of one when the run was started.
    pub(crate) fn clock(&self) -> u64 {
        if self.is_inside() { self.now } else { self.started }
    }

    /// Time that passes inside of a step.
    pub(crate) fn pause(&mut self, millis: u64) {
        if self.is_inside() {
            self.now = self.now.saturating_add(millis);
        }
    }

    /// The same in every test; outside of steps the same in every pass.
    pub(crate) fn random(&mut self) -> u64 {
        let chance = if self.is_inside() { &mut self.chance } else { &mut self.pass.chance };
        *chance = chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (*chance ^ (*chance >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Outside of steps a line is written once, however often the function comes to it.
    pub(super) fn log(&mut self, level: log::Level, message: &str, fields: &[(String, String)]) {
        if !self.is_inside() {
            self.pass.lines += 1;
            if self.pass.lines <= self.said {
                return;
            }
        }
        let level = match level {
            log::Level::Trace => Level::Trace,
            log::Level::Debug => Level::Debug,
            log::Level::Info => Level::Info,
            log::Level::Warn => Level::Warn,
            log::Level::Error => Level::Error,
        };
        let (message, fields) = (message.to_owned(), fields.to_vec());
        let step = self.pass.executing.as_ref().map(ToString::to_string);
        self.logs.push(Line { level, message, fields, step });
    }
}
