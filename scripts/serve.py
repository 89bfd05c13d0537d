r"""A service of a trained model: requests that come together are answered as one batch.

uvicorn --app-dir scripts serve:app    with RNNLAB_RUN=RUN_FOLDER in the environment
POST /predict {"text": "What a film!"}  ->  {"answer": "pos\t0.9876"}
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from pydantic import BaseModel

import rnnlab
from rnnlab.runs.predictor import Predictor

AT_ONCE = int(os.environ.get("RNNLAB_BATCH", "64"))
waiting: asyncio.Queue[tuple[str, asyncio.Future[str]]] = asyncio.Queue()


class Question(BaseModel):
    """What is asked."""

    text: str


async def answer_batches(model: Predictor) -> None:
    """Answer all that wait, at most AT_ONCE together, outside of the event loop."""
    while True:
        asked = [await waiting.get()]
        while len(asked) < AT_ONCE and not waiting.empty():
            asked.append(waiting.get_nowait())
        try:
            texts = [text for text, _ in asked]
            found = await asyncio.to_thread(model.predict, texts)
            for (text, future), each in zip(asked, found, strict=True):
                future.set_result(model.model.task.render(text.split(), each))
        except Exception as error:  # the answer to these requests; the next ones are tried again
            for _, future in asked:
                if not future.done():
                    future.set_exception(error)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Load the model, and answer while the service runs."""
    task = asyncio.create_task(answer_batches(rnnlab.load(os.environ["RNNLAB_RUN"])))
    yield
    task.cancel()


app = FastAPI(lifespan=lifespan)


@app.post("/predict")
async def predict(question: Question) -> dict[str, str]:
    """The answer to one text, of the batch that it happens to be in."""
    future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    await waiting.put((question.text, future))
    return {"answer": await future}
