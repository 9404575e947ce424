"""The service as a server starts it: settings and logs are the process's."""

from service import create_app
from service.logs import configure
from service.settings import Settings

settings = Settings.from_environment()
configure(settings.log_level)
app = create_app(settings)
