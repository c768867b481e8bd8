import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsInt, IsObject, Max, Min, ValidateNested } from 'class-validator';
import { UpdateUserDto } from '../../users/update-user.dto.js';
import { UpdateArticleDto } from './update-article.dto.js';

class RevisingAuthor extends UpdateUserDto {
  @ApiProperty()
  @IsInt()
  @Min(1)
  @Max(2 ** 31 - 1)
  readonly id!: number;
}

export class ReviseArticleDto extends UpdateArticleDto {
  @ApiProperty()
  @IsObject()
  @ValidateNested()
  @Type(() => RevisingAuthor)
  readonly author!: RevisingAuthor;
}
