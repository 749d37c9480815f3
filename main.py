from myapp.boot import create_app

app = create_app()
