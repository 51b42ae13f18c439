//! The page of who did what.

use super::{page, submit};
use pawl_tests::Setup;

#[tokio::test]
async fn each_action_is_listed_newest_first_with_its_subject() {
    let host = Setup::dev().guests(&["steps"]).start().await;
    let empty = page(&host, "/audit").await;
    assert!(empty.contains("Nothing yet"), "{empty}");
    for verb in ["pause", "resume"] {
        submit(&host, "/functions/sleeper", &format!("/ui/functions/sleeper/{verb}"), &[]).await.expect(303);
    }
    let list = page(&host, "/audit").await;
    let (resumed, paused) = (list.find("Resumed").expect("resumed"), list.find("Paused").expect("paused"));
    assert!(resumed < paused && list.contains("href=\"/functions/sleeper\""), "{list}");
}
