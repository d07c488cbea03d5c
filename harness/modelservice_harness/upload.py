"""A folder of this machine into the claim ``models`` of a namespace, through a pod.

Works on any cluster: ``kubectl exec … tar``. The folder appears under its final name in one
rename and carries the digest of its bytes, so that an upload that is there is not repeated
and one that was cut off is never used.
"""

from __future__ import annotations

import contextlib
import subprocess
import tarfile
from pathlib import Path

from .access import Access, is_ready, wait_for
from .digests import digest_of_files, files_of
from .errors import CommandFailed
from .manifests import storage

_READY_SECONDS = 120
_COPY_SECONDS = 600
_DIGEST_FILE = ".uploaded"


def upload(
    access: Access, namespace: str, source: Path, target: str, *, image: str, user: int
) -> str:
    """Copy ``source`` (a folder) to ``target`` in the claim; returns its ``pvc://`` address.

    Raises:
        CommandFailed: the copy failed.
        WaitTimeout: the pod that does it did not start.
    """
    digest = digest_of_files(source, [source])
    _start_pod(access, namespace, image=image, user=user)
    try:
        place = f"{storage.MOUNT}/{target}"
        found = _inside(
            access, namespace, f"cat {place}/{_DIGEST_FILE} 2>/dev/null || true"
        ).strip()
        if found != digest:
            _copy(access, namespace, source, place, digest)
    finally:
        access.kubectl(
            "delete", "pod", storage.UPLOADER, "--wait=false", "--ignore-not-found",
            namespace=namespace, check=False,
        )  # fmt: skip
    return f"pvc://{storage.CLAIM}/{target}"


def _start_pod(access: Access, namespace: str, *, image: str, user: int) -> None:
    wait_for(
        lambda: access.get("serviceaccount", "default", namespace=namespace),
        _READY_SECONDS,
        f"service account of namespace {namespace}",
    )
    wait_for(
        lambda: not _is_leaving(access, namespace),
        _READY_SECONDS,
        "the end of an earlier upload pod",
    )
    access.apply(storage.uploader(namespace, image=image, user=user))
    wait_for(
        lambda: is_ready(access.get("pod", storage.UPLOADER, namespace=namespace) or {}),
        _READY_SECONDS,
        f"pod {namespace}/{storage.UPLOADER}",
        state=lambda: access.kubectl(
            "describe", "pod", storage.UPLOADER, namespace=namespace, check=False
        ).stdout[-2000:],
    )


def _is_leaving(access: Access, namespace: str) -> bool:
    pod = access.get("pod", storage.UPLOADER, namespace=namespace)
    return pod is not None and "deletionTimestamp" in pod["metadata"]


def _copy(access: Access, namespace: str, source: Path, place: str, digest: str) -> None:
    staging = f"{place}.incoming"
    _inside(access, namespace, f"rm -rf {staging} && mkdir -p {staging}")
    command = [
        *access.kubectl_command, "--namespace", namespace, "exec", "-i", storage.UPLOADER,
        "--", "tar", "-xf", "-", "-C", staging,
    ]  # fmt: skip
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=dict(access.env),
    ) as process:  # fmt: skip
        _send(process, source)
        output = process.stdout.read().decode(errors="replace") if process.stdout else ""
    if process.returncode != 0:
        raise CommandFailed(f"copying {source} into {namespace}/{storage.CLAIM} failed: {output}")
    _inside(
        access,
        namespace,
        f"printf %s {digest} > {staging}/{_DIGEST_FILE} && rm -rf {place} && mv {staging} {place}",
    )


def _send(process: subprocess.Popen[bytes], source: Path) -> None:
    """Write the folder as a tar stream; a reader that went away shows in its exit code."""
    if process.stdin is None:
        raise ValueError("the process was started without a pipe")
    with (
        contextlib.suppress(BrokenPipeError),
        process.stdin as pipe,
        tarfile.open(fileobj=pipe, mode="w|", dereference=True) as archive,
    ):
        for path in files_of([source]):
            archive.add(path, arcname=path.relative_to(source), recursive=False, filter=_plain)


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """No owners of this machine; readable by everyone."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o644
    return member


def _inside(access: Access, namespace: str, script: str) -> str:
    return access.kubectl(
        "exec",
        storage.UPLOADER,
        "--",
        "sh",
        "-c",
        script,
        namespace=namespace,
        timeout=_COPY_SECONDS,
    ).stdout
