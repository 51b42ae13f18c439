//! The page of webhooks.

use super::{page, page_that_says};
use pawl_tests::{Setup, stripe};

#[tokio::test]
async fn each_delivery_is_listed_with_its_outcome_and_the_cure() {
    let host = Setup::dev().start().await;
    let empty = page(&host, "/webhooks").await;
    assert!(empty.contains("No webhooks yet") && empty.contains("/api/stripe/webhook"), "{empty}");
    let body = stripe::small("evt_listed");
    host.deliver(&body).await.expect(200);
    host.deliver(&body).await.expect(200);
    host.deliver_with(b"t=1,v1=00", &body).await.expect(400);
    let list = page_that_says(&host, "/webhooks", "</svg>Refused</span>").await;
    for said in ["</svg>Accepted</span>", "</svg>Duplicate</span>", "evt_listed"] {
        assert!(list.contains(said), "{said}: {list}");
    }
    let refused = page(&host, "/webhooks?outcome=refused").await;
    assert!(
        refused.contains("</svg>Refused</span>") && !refused.contains("</svg>Accepted</span>"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_host_without_stripes_secret_says_how_to_set_it() {
    let host = Setup::dev().without("STRIPE_WEBHOOK_SECRET").start().await;
    let shown = page(&host, "/webhooks").await;
    assert!(shown.contains("STRIPE_WEBHOOK_SECRET"), "{shown}");
}
