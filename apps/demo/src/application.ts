import { ValidationPipe, type INestApplication, type LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { AppModule } from './app.module.js';

/** The application, ready to listen, as `npm start` and the tour run it. A bad environment rejects. */
export async function createApplication(
  logger: LoggerService | false | ('warn' | 'error')[] = ['warn', 'error'],
): Promise<NestExpressApplication> {
  const app = await NestFactory.create<NestExpressApplication>(AppModule, {
    logger,
    abortOnError: false,
    // A failure to start is told once, by the caller; flushLogs() lets the rest out.
    bufferLogs: true,
    autoFlushLogs: false,
    // A browser's idle connections would hold up the end for as long as it keeps them.
    forceCloseConnections: true,
  });
  return configure(app);
}

/** What belongs to the application and not to a module; for those who build it in another way. */
export function configure<T extends INestApplication>(app: T): T {
  app.useGlobalPipes(
    new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true, transform: true }),
  );
  const description = new DocumentBuilder()
    .setTitle('Articles')
    .setDescription('Articles, users and tags behind nestjs-elasticache.')
    .addBearerAuth()
    .setVersion('1')
    .build();
  SwaggerModule.setup('docs', app, () => SwaggerModule.createDocument(app, description));
  return app;
}
