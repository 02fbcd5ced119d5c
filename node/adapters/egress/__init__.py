"""All outgoing requests of this node, with checked addresses and bounded answers."""

from node.adapters.egress.addresses import AddressRules, Target, forbidden
from node.adapters.egress.client import Answer, Egress, Lane, Stream
from node.identity.did import same_party

__all__ = ["AddressRules", "Answer", "Egress", "Lane", "Stream", "Target", "forbidden", "same_party"]
