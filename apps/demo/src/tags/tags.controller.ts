import { Controller, Get, UseInterceptors } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { CacheInterceptor, CacheResponse } from 'nestjs-elasticache';
import { Tag } from './tag.js';
import { TagsService } from './tags.service.js';

@ApiTags('tags')
@UseInterceptors(CacheInterceptor)
@Controller('tags')
export class TagsController {
  constructor(private readonly tags: TagsService) {}

  @Get()
  @CacheResponse({ cacheName: 'tags' })
  @ApiOkResponse({ type: [Tag] })
  findAll(): Promise<Tag[]> {
    return this.tags.findAll();
  }
}
