"""The command ``products-api``: one module for each group of commands.

The container's scan imports these modules too, so the commands import the application inside their functions.
"""
