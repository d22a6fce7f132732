"""The gallery: implementations that are wrong on purpose, which the suite must catch, one fault each.

A class is the NumPy reference with one step wrong; its docstring says what is wrong and where this was seen.
`conformance/requirements.toml` names it, under `catches`, at the requirements that it must fail.
"""

# every class of these modules is a piece of the gallery, and is loaded as adapters.faulty:Name
from adapters.faulty.base import Faulty as Faulty
from adapters.faulty.calls import *  # noqa: F403
from adapters.faulty.derivatives import *  # noqa: F403
from adapters.faulty.divergence import *  # noqa: F403
from adapters.faulty.focal import *  # noqa: F403
from adapters.faulty.interface import *  # noqa: F403
from adapters.faulty.labels import *  # noqa: F403
from adapters.faulty.linear import *  # noqa: F403
from adapters.faulty.modes import *  # noqa: F403
from adapters.faulty.places import *  # noqa: F403
from adapters.faulty.reductions import *  # noqa: F403
from adapters.faulty.sampling import *  # noqa: F403
from adapters.faulty.selection import *  # noqa: F403
from adapters.faulty.values import *  # noqa: F403
