"""Who is measured. A peer is a class: what it is, what it needs, and how its processes are started."""
from peers.debian import HaproxyReverse, Mitmproxy, SquidBump, StunnelSquid, V2rayWs, V2rayWss
from peers.fairlead import Fairlead, FairleadSplice, FairleadWs
from peers.npm import HttpMitmProxy, Mockttp, NodePairWs, NodePairWss, Websockify
from peers.peer import Direct

OURS = [Fairlead, FairleadWs, FairleadSplice]
FIELD = [NodePairWss, NodePairWs, StunnelSquid, Mitmproxy, SquidBump, Mockttp, HttpMitmProxy, HaproxyReverse, V2rayWss, V2rayWs, Websockify]

__all__ = ["Direct", "FIELD", "OURS"]
