from pico_ioc import ContainerObserver as ContainerObserver
from pico_ioc import ContextConfig as ContextConfig
from pico_ioc import PicoContainer as PicoContainer
from pico_ioc import init as init

__all__ = ["ContainerObserver", "ContextConfig", "PicoContainer", "init"]
