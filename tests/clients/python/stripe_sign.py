"""Signs bodies with Stripe's official library; see ../node/stripe.js."""

import json
import sys

from stripe import WebhookSignature

headers = []
for given in json.load(sys.stdin):
    t, body = given["t"], given["body"]
    # the library only verifies in public; this is what it compares with
    v1 = WebhookSignature._compute_signature(f"{t}.{body}", given["secret"])
    header = f"t={t},v1={v1}"
    assert WebhookSignature.verify_header(body, header, given["secret"], tolerance=300)
    headers.append(header)
print(json.dumps(headers))
