"""The command ``products-api``: one module for each group of commands.

The scan of the container imports these modules too, so imports of the application stand inside the commands.
"""
