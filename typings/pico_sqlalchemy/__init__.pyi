from sqlalchemy.orm import Mapped as Mapped
from sqlalchemy.orm import mapped_column as mapped_column

from .base import AppBase as AppBase
from .config import DatabaseConfigurer as DatabaseConfigurer
from .config import DatabaseSettings as DatabaseSettings
from .decorators import query as query
from .decorators import repository as repository
from .decorators import transactional as transactional
from .factory import SqlAlchemyFactory as SqlAlchemyFactory
from .interceptor import TransactionalInterceptor as TransactionalInterceptor
from .migrations import AlembicMigrator as AlembicMigrator
from .paging import Page as Page
from .paging import PageRequest as PageRequest
from .paging import Sort as Sort
from .repository_interceptor import RepositoryQueryInterceptor as RepositoryQueryInterceptor
from .session import SessionManager as SessionManager
from .session import get_session as get_session
