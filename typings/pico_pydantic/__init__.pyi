from .decorators import ValidationFailedError as ValidationFailedError
from .decorators import validate as validate
from .interceptor import ValidationInterceptor as ValidationInterceptor
