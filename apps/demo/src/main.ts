import { CacheError } from 'nestjs-elasticache';
import { createApplication } from './application.js';
import { Environment, EnvironmentError } from './config/environment.js';
import { DatabaseConnection } from './database/database.js';
import { welcome } from './welcome.js';

async function main(): Promise<void> {
  console.log('Starting: the database takes a few seconds.');
  const app = await createApplication();
  // Ctrl-C is how one stops the demo, not a failure of it: the exit code is 0.
  app.enableShutdownHooks(['SIGINT', 'SIGTERM'], { useProcessExit: true });
  const environment = app.get(Environment);
  const server = await app.listen(environment.PORT);
  app.flushLogs();
  const { port } = server.address() as { port: number };
  const { description: database } = app.get(DatabaseConnection);
  console.log(welcome({ url: `http://localhost:${port}`, database, environment }));
}

main().catch((error: NodeJS.ErrnoException) => {
  console.error(explain(error));
  // Whatever did start would keep the process alive.
  process.exit(1);
});

/** The message where it says what to do; anything else with its stack. */
function explain(error: NodeJS.ErrnoException): unknown {
  if (error.code === 'EADDRINUSE') return `${error.message}\nChoose another: PORT=3001 npm start`;
  return error instanceof EnvironmentError || error instanceof CacheError ? error.message : error;
}
