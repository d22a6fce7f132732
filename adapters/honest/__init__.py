"""The honest set: implementations that are right in different ways, none of which the suite may call wrong.

A class is the NumPy reference with some steps done otherwise; its docstring says how, and where that is found. A
method that claims less than all requirements says which it fails.
"""

# every class of these modules that is Honest belongs to the set, and is loaded as adapters.honest:Name
from adapters.honest.answers import *  # noqa: F403
from adapters.honest.base import Honest as Honest
from adapters.honest.divergence import *  # noqa: F403
from adapters.honest.focal import *  # noqa: F403
from adapters.honest.kernels import *  # noqa: F403
from adapters.honest.linear import *  # noqa: F403
from adapters.honest.sampling import *  # noqa: F403
from adapters.honest.selection import *  # noqa: F403
from adapters.honest.values import *  # noqa: F403
