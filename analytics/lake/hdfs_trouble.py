"""What went wrong with HDFS, in one sentence: the one place that knows hdfs-native's and the NameNode's errors.

hdfs-native 0.14 raises OSError without a number, RuntimeError with the text of a Rust value, and the built-in errors
for files that are missing or taken. None of these texts holds patient data: they name paths, hosts and users.
"""

import re
from dataclasses import dataclass
from typing import Literal

# away: no NameNode that can work (it may come back). data: the DataNodes. full: they live and take nothing.
# final: waiting does not help.
Kind = Literal["away", "data", "full", "final"]
JAVA = re.compile(r'^(?:Fatal)?RPCError\("(?:[\w.]+\.)?([\w$]+)", "(.*)', re.DOTALL)
KERBEROS = "Set KINDRED_HDFS_PRINCIPAL and KINDRED_HDFS_KEYTAB, or run kinit, and set HADOOP_CONF_DIR."
SAFE_MODE = "Wait until it leaves it (hdfs dfsadmin -safemode get), then run the same command again."


@dataclass(frozen=True)
class Trouble:
    """What is wrong, and what to do about it."""

    kind: Kind
    what: str
    then: str


def trouble_of(error: BaseException, server: str) -> Trouble:
    """The trouble behind an error of hdfs-native; `server` is the host and port, or the nameservice, that was asked."""
    text = str(error)
    java = JAVA.match(text)
    if java:
        return _of_java(java[1], java[2].replace('\\"', '"').split("\\n")[0])
    if isinstance(error, TimeoutError):
        return Trouble("away", f"the NameNode at {server} did not answer in time",
                       "Check that it runs and can be reached from here, or correct KINDRED_LAKE.")
    if isinstance(error, OSError):
        return _of_network(text, server)
    return _of_client(text, server)


def _of_network(text: str, server: str) -> Trouble:
    if "lookup address" in text:
        return Trouble("away", f"there is no host of the name in {server}",
                       "Correct KINDRED_LAKE; if it is a nameservice, point HADOOP_CONF_DIR at its configuration.")
    if "refused" in text:
        return Trouble("away", f"nothing listens at {server}",
                       "Start the NameNode, or correct the port in KINDRED_LAKE (usually 8020).")
    if "disconnected" in text or "eof" in text.lower() or "reset" in text or "pipe" in text:
        return Trouble("away", f"what listens at {server} hangs up on a NameNode's client",
                       f"Give the NameNode's RPC port (8020?), not its web page's. With Kerberos: {KERBEROS}")
    return Trouble("away", f"the NameNode at {server} cannot be reached ({text[:100]})",
                   "Check the network and KINDRED_LAKE.")


def _of_java(name: str, said: str) -> Trouble:
    if "SafeMode" in name or "safe mode" in said:
        return Trouble("away", "HDFS is in safe mode, in which nothing can be written", SAFE_MODE)
    if name in ("StandbyException", "RetriableException", "ObserverRetryOnActiveException"):
        return Trouble("away", "the NameNode is starting or on standby",
                       "Wait for it, then run the same command again.")
    if name in ("AccessControlException", "AuthorizationException"):
        user = re.search(r"user=([^,]+)", said)
        return Trouble("final", f"HDFS does not permit it to the user {user[1] if user else 'that was named'}",
                       "Give that user the folder (hdfs dfs -chown), or name another (HADOOP_USER_NAME; with Kerberos "
                       "KINDRED_HDFS_PRINCIPAL).")
    if "Quota" in name:
        return Trouble("final", "there is no room: a quota of HDFS is used up",
                       "Raise it (hdfs dfsadmin -setSpaceQuota; a block counts whole, times its copies), delete what "
                       "is old, or set KINDRED_LAKE to another folder; then run the same command again.")
    if "could only be written to" in said:
        found = re.search(r"There are (\d+) datanode", said)
        running = int(found[1]) if found else 0
        return Trouble("full" if running else "data", f"none of the {running} DataNodes that run takes a block",
                       "See whether they have room (hdfs dfsadmin -report), then run the same command again.")
    if name in ("LeaseExpiredException", "NotReplicatedYetException", "RecoveryInProgressException"):
        return Trouble("data", f"HDFS took the file back ({name})", "Run the same command again.")
    return Trouble("final", f"HDFS answers {name}: {said[:200]}",
                   "Correct the setting that it names, or ask its operator.")


def _of_client(text: str, server: str) -> Trouble:
    if "No NameNode hosts" in text or "fs.defaultFS" in text:
        return Trouble("final", f"{server} has no port and is no nameservice of HADOOP_CONF_DIR",
                       "Add the port (usually 8020), or point HADOOP_CONF_DIR at the cluster's configuration.")
    if re.match(r"SASL|GSSAPI|NoSASL", text):
        return Trouble("final", "HDFS did not accept these Kerberos credentials", KERBEROS)
    if re.match(r"DataTransfer|Checksum|BlocksNotFound|OperationFailed", text):
        return Trouble("data", "its DataNodes failed",
                       "See whether they live (hdfs dfsadmin -report), then run it again.")
    if "InvalidRPCResponse" in text:
        return Trouble("away", f"what listens at {server} is not a NameNode", "Correct the port in KINDRED_LAKE.")
    return Trouble("final", f"the HDFS client failed ({text[:100]})", "Run it again; if it stays, report it.")
