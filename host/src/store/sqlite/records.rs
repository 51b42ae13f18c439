//! What is kept for people.

use super::Sqlite;
use crate::store::StoreError;
use crate::store::records::*;
use async_trait::async_trait;
use pawl_engine::{FunctionId, Line, RunId, Timestamp};

#[async_trait]
impl Records for Sqlite {
    async fn lines(
        &self,
        _run: &RunId,
        _after: Option<u32>,
        _limit: usize,
    ) -> Result<Vec<(u32, Line)>, StoreError> {
        Ok(Vec::new())
    }
    async fn run_counts(
        &self,
        _period: Period,
        _function: Option<&FunctionId>,
        _by: By,
    ) -> Result<Vec<RunCount>, StoreError> {
        Ok(Vec::new())
    }
    async fn event_counts(&self, _period: Period) -> Result<Vec<EventCount>, StoreError> {
        Ok(Vec::new())
    }
    async fn depths(&self, _now: Timestamp) -> Result<Vec<Depth>, StoreError> {
        Ok(Vec::new())
    }
    async fn keep_depths(&self, _at: Timestamp, _depths: Vec<Depth>) -> Result<(), StoreError> {
        Ok(())
    }
    async fn backlog(
        &self,
        _period: Period,
        _function: Option<&FunctionId>,
    ) -> Result<Vec<BacklogPoint>, StoreError> {
        Ok(Vec::new())
    }
    async fn gates(&self, _function: &FunctionId) -> Result<Vec<GateState>, StoreError> {
        Ok(Vec::new())
    }
    async fn keep_deliveries(&self, _deliveries: Vec<Delivery>) -> Result<(), StoreError> {
        Ok(())
    }
    async fn deliveries(&self, _filter: DeliveryFilter) -> Result<Vec<Delivery>, StoreError> {
        Ok(Vec::new())
    }
    async fn delivery_counts(&self, _period: Period) -> Result<Vec<DeliveryCount>, StoreError> {
        Ok(Vec::new())
    }
    async fn keep_audit(&self, _audit: Audit) -> Result<(), StoreError> {
        Ok(())
    }
    async fn audits(&self, _before: Option<u64>, _limit: usize) -> Result<Vec<Audit>, StoreError> {
        Ok(Vec::new())
    }
    async fn keep_alert(&self, _record: AlertRecord) -> Result<(), StoreError> {
        Ok(())
    }
    async fn alert_records(
        &self,
        _before: Option<u64>,
        _limit: usize,
    ) -> Result<Vec<AlertRecord>, StoreError> {
        Ok(Vec::new())
    }
    async fn prune(&self, _keep: Retention, _now: Timestamp) -> Result<Pruned, StoreError> {
        Ok(Pruned { is_done: true, ..Pruned::default() })
    }
    async fn size(&self) -> Result<Size, StoreError> {
        Ok(Size::default())
    }
}
