"""Run by Alembic: the migrations, on the connection and in the transaction of ``node.adapters.sql.migrate``."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
context.run_migrations()
