"""A store as boto3 uses it: `upload FILE` sends a file and prints the seconds that this took, `empty` removes every object.

The store comes from the environment: S3_ENDPOINT, S3_BUCKET, S3_ACCESS_KEY, S3_SECRET_KEY.
"""

import os
import sys
import time
import uuid

import boto3

BUCKET = os.environ["S3_BUCKET"]
store = boto3.client(
    "s3",
    endpoint_url=os.environ["S3_ENDPOINT"],
    aws_access_key_id=os.environ["S3_ACCESS_KEY"],
    aws_secret_access_key=os.environ["S3_SECRET_KEY"],
    region_name="us-east-1",
)

if sys.argv[1] == "upload":
    since = time.monotonic()
    store.upload_file(sys.argv[2], BUCKET, f"boto3/{uuid.uuid4()}")
    print(time.monotonic() - since)
else:
    for page in store.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        for found in page.get("Contents", []):
            store.delete_object(Bucket=BUCKET, Key=found["Key"])
