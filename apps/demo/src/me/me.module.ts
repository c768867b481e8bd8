import { Module } from '@nestjs/common';
import { ArticlesModule } from '../articles/articles.module.js';
import { TokensController } from '../auth/tokens.controller.js';
import { TokensService } from '../auth/tokens.service.js';
import { MeController } from './me.controller.js';

/** What is for those who have signed in. */
@Module({
  imports: [ArticlesModule],
  controllers: [TokensController, MeController],
  providers: [TokensService],
})
export class MeModule {}
