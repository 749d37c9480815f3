from logging import Logger

LOGGER: Logger
LOGGER_NAME: str
PICO_INFRA: str
PICO_KEY: str
PICO_META: str
PICO_NAME: str
