import { Body, Controller, Get, Param, Put, UseInterceptors } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiTags,
} from '@nestjs/swagger';
import { CacheInterceptor, CacheResponse } from 'nestjs-elasticache';
import { ParseIdPipe } from '../parse-id.pipe.js';
import { UpdateUserDto } from './update-user.dto.js';
import { User } from './user.js';
import { UsersService } from './users.service.js';

@ApiTags('users')
@ApiBadRequestResponse()
@ApiNotFoundResponse()
@UseInterceptors(CacheInterceptor)
@Controller('users')
export class UsersController {
  constructor(private readonly users: UsersService) {}

  @Get(':id')
  @CacheResponse({ cacheName: 'users' })
  @ApiOkResponse({ type: User })
  findOne(@Param('id', ParseIdPipe) id: number): Promise<User> {
    return this.users.findOne(id);
  }

  @Put(':id')
  @ApiOkResponse({ type: User })
  update(@Param('id', ParseIdPipe) id: number, @Body() changes: UpdateUserDto): Promise<User> {
    return this.users.update(id, changes);
  }
}
