import { ApiProperty } from '@nestjs/swagger';
import { IsInt, Max, Min } from 'class-validator';
import { UpdateArticleDto } from './update-article.dto.js';

export class CreateArticleDto extends UpdateArticleDto {
  @ApiProperty()
  @IsInt()
  @Min(1)
  @Max(2 ** 31 - 1)
  readonly authorId!: number;
}
