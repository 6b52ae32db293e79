"""Does with boto3 what standard input says (JSON), one call after the other, and prints what came of each (JSON)."""

import base64
import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

asked = json.load(sys.stdin)
given = asked["credentials"]
client = boto3.client(
    "s3",
    endpoint_url=given["endpoint"],
    region_name=given["region"],
    aws_access_key_id=given["accessKeyId"],
    aws_secret_access_key=given["secretAccessKey"],
    aws_session_token=given["sessionToken"],
    config=Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
)


def outcome(call):
    try:
        answer = getattr(client, call["method"])(**call["parameters"])
        body = answer["Body"].read() if "Body" in answer else b""
        return {"code": "ok", "body": base64.b64encode(body).decode()}
    except ClientError as error:
        return {"code": error.response["Error"]["Code"], "body": ""}


json.dump([outcome(call) for call in asked["calls"]], sys.stdout)
