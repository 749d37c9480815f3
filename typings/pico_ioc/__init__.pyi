from logging import Logger

from .aop import ContainerObserver as ContainerObserver
from .aop import MethodCtx as MethodCtx
from .aop import MethodInterceptor as MethodInterceptor
from .aop import health as health
from .aop import intercepted_by as intercepted_by
from .api import init as init
from .config_builder import ContextConfig as ContextConfig
from .config_builder import EnvSource as EnvSource
from .config_builder import FileSource as FileSource
from .config_builder import FlatDictSource as FlatDictSource
from .config_builder import configuration as configuration
from .config_sources import DictSource as DictSource
from .config_sources import JsonTreeSource as JsonTreeSource
from .config_sources import YamlTreeSource as YamlTreeSource
from .config_sources import expand_env as expand_env
from .container import PicoContainer as PicoContainer
from .decorators import Qualifier as Qualifier
from .decorators import cleanup as cleanup
from .decorators import component as component
from .decorators import configure as configure
from .decorators import configured as configured
from .decorators import factory as factory
from .decorators import provides as provides
from .event_bus import ConfigChanged as ConfigChanged
from .event_bus import ErrorPolicy as ErrorPolicy
from .event_bus import Event as Event
from .event_bus import EventBus as EventBus
from .event_bus import ExecPolicy as ExecPolicy
from .event_bus import subscribe as subscribe
from .exceptions import AsyncResolutionError as AsyncResolutionError
from .exceptions import ComponentCreationError as ComponentCreationError
from .exceptions import ConfigurationError as ConfigurationError
from .exceptions import EventBusClosedError as EventBusClosedError
from .exceptions import InvalidBindingError as InvalidBindingError
from .exceptions import PicoError as PicoError
from .exceptions import ProviderNotFoundError as ProviderNotFoundError
from .exceptions import ScopeError as ScopeError
from .exceptions import SerializationError as SerializationError
from .exceptions import ValidationError as ValidationError

LOGGER: Logger
LOGGER_NAME: str
PICO_INFRA: str
PICO_KEY: str
PICO_META: str
PICO_NAME: str
