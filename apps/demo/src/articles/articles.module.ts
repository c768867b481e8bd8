import { Module } from '@nestjs/common';
import { UsersModule } from '../users/users.module.js';
import { ArticlesController } from './articles.controller.js';
import { ArticlesRepository } from './articles.repository.js';
import { ArticlesService } from './articles.service.js';
import { FeedsService } from './feeds.service.js';
import { RevisionsService } from './revisions.service.js';

@Module({
  imports: [UsersModule],
  controllers: [ArticlesController],
  providers: [ArticlesRepository, ArticlesService, FeedsService, RevisionsService],
  exports: [ArticlesService, FeedsService],
})
export class ArticlesModule {}
